"""`make cluster`: the same class here, on Dask, on two hosts and on a real SLURM."""
