"""Read MATLAB files of any version, whatever is wrong with them."""
from .read import as_list, hdf5_contents, listed, mat_contents, read_hdf5, read_mat
