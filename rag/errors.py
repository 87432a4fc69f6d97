"""Every error that Footnoted raises on purpose; each message says what to do next.

FootnotedError             exit code 1
├── UsageError             exit code 2: the call itself is wrong
├── ArticleError           one file cannot become an article; the others go on
├── IndexFolderError       the index folder is missing, damaged, foreign or locked
│   ├── IndexMissing
│   ├── IndexMismatch      made with another embedding model or passage size
│   └── IndexLocked        another process is writing
├── ConversationError      stored conversations cannot be read or written
├── EmbeddingError         the embedding model cannot be loaded, or its reply is unusable
└── LLMError               the model failed; the quoting answer takes its place
"""

from __future__ import annotations


class FootnotedError(Exception):
    """Base of all errors raised on purpose; `str(error)` is one line for the user."""

    exit_code = 1


class UsageError(FootnotedError):
    """The question, the settings or the arguments cannot be used."""

    exit_code = 2


class ArticleError(FootnotedError):
    """A file cannot be read as an article."""


class IndexFolderError(FootnotedError):
    """The index folder cannot be used."""


class IndexMissing(IndexFolderError):
    """There is no index in this folder."""


class IndexMismatch(IndexFolderError):
    """The index was made with another embedding model or other passages."""


class IndexLocked(IndexFolderError):
    """Another process is writing to the index."""


class ConversationError(FootnotedError):
    """The file of stored conversations cannot be used, or holds no such conversation."""


class EmbeddingError(FootnotedError):
    """The embedding model cannot be loaded, or it returned something unusable."""


class LLMError(FootnotedError):
    """The language model gave no usable answer; `str(error)` names the cause in a few words."""
