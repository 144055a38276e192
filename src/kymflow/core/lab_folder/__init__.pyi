from .importer import ImportReport as ImportReport
from .importer import import_folder as import_folder
