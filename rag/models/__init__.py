"""The bundled models, which read and embed: their files, and how they are run."""
