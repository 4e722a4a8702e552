"""Read files into messages, and write messages into files."""

from processors.files.reader import FileReader
from processors.files.writer import FileWriter

__all__ = ["FileReader", "FileWriter"]
