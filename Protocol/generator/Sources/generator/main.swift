// Only here so that the package has a target whose dependencies bring the generators.
