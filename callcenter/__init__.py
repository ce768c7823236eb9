"""A contact-centre server on Asterisk."""

__version__ = "0.1.0"
