"""Velocity from pixels: the angle of the streaks that cells draw in a line scan.

Names are listed in ``__init__.pyi`` and loaded when first used: importing this stays cheap.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
