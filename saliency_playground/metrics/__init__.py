"""Every metric of the field, a plain function each, and the table that names and defines them."""
from .mit import auc_borji, auc_judd, auc_shuffled, cc_salicon, emd, information_gain_mit
from .table import METRICS, PRESETS, Metric, column, columns, definitions, metric_inputs, score_row
from .tuebingen import EPS, auc, cc, information_gain, kl_div, log_likelihood, nss, sauc, sim
