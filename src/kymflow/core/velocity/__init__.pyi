from .dataset import VelocityReport as VelocityReport
from .dataset import velocity_dataset as velocity_dataset
from .dataset import velocity_status as velocity_status
from .image import measure_image as measure_image
from .measure import VELOCITY_VERSION as VELOCITY_VERSION
from .measure import measure_velocity as measure_velocity
from .params import VelocityParams as VelocityParams
from .roi import Roi as Roi
