from .chart import PlotNote as PlotNote
from .chart import plot as plot
from .image import draw_image as draw_image
from .saving import save as save
