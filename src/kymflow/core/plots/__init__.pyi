from .chart import PlotNote as PlotNote
from .chart import plot as plot
from .image import draw_image as draw_image
from .named import plot_query as plot_query
from .saving import save as save
