"""K-means under its path in TensorFlow."""

from graphflow.contrib.factorization.clustering import (
    CLUSTERS_VAR_NAME,
    COSINE_DISTANCE,
    KMC2_INIT,
    KMEANS_PLUS_PLUS_INIT,
    RANDOM_INIT,
    SQUARED_EUCLIDEAN_DISTANCE,
    KMeans,
    nearest_neighbors,
)

__all__ = [
    "CLUSTERS_VAR_NAME", "COSINE_DISTANCE", "KMC2_INIT", "KMEANS_PLUS_PLUS_INIT", "RANDOM_INIT",
    "SQUARED_EUCLIDEAN_DISTANCE", "KMeans", "nearest_neighbors",
]  # fmt: skip
