"""Where the eye goes next, and how alike two paths of fixations are: pure functions on arrays."""
from .compare import (
    PATH_METRICS,
    PathMetric,
    as_distance,
    best_of,
    compare_pairs,
    energy_of,
    energy_score,
    normalised_share,
    pair_mean,
    path_metrics,
    without_self,
)
from .distances import dtw, eyeanalysis, frechet, hausdorff, mannan, mannan_index, scaled_time_delay, time_delay
from .links import best_match, has_links, path_links
from .next_fixation import FixationScores, at_fixation, mean_over
from .recurrences import Recurrence, recurrence, self_recurrence
from .saccades import MultiMatch, Simplification, multimatch
from .strings import (
    Clusters,
    fixation_clusters,
    fixation_edit_distance,
    quantile_edges,
    scanmatch,
    sequence_score,
    string_edit,
    subsmatch,
)
