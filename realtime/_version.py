"""The version of this package. Everything that needs it imports it from here."""

__version__ = "0.1.0"
