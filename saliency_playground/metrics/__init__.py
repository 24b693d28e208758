"""Every metric of the field, a plain function each, and the table that names and defines them."""
from .table import METRICS, PRESETS, Metric, column, columns, definitions, row
from .tuebingen import EPS, auc, auc_judd, cc, kl_div, log_likelihood, nss, sauc, sim
