"""What keeps a file from being read as a table; each has a stable code.

InvalidValue (domain)
└── SheetError          sheet_unreadable and narrower: sheet_empty, sheet_encoding, sheet_broken, sheet_quotes,
                        sheet_too_large, sheet_old_format, sheet_no_table
"""

from callcenter.domain.errors import InvalidValue


class SheetError(InvalidValue):
    """The file, or a place in it, is no table that can be read."""

    code = "sheet_unreadable"
