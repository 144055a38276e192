from .importer import import_folder as import_folder
from .report import Conflict as Conflict
from .report import Copy as Copy
from .report import ImportReport as ImportReport
from .report import Moved as Moved
