"""From your tracker: the exports of eye trackers, read into one long table of fixations."""
from .convert import Conversion, convert, list_trackers, read_export, recognise
from .recording import ExportOptions
