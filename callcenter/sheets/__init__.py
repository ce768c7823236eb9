"""Tables in files as people exchange them: CSV and XLSX, read and written row by row."""
