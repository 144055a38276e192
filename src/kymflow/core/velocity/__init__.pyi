from .measure import VELOCITY_VERSION as VELOCITY_VERSION
from .measure import measure_velocity as measure_velocity
from .params import VelocityParams as VelocityParams
from .roi import Roi as Roi
