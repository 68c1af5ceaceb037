"""Private names of other packages that skae uses, one module for each package."""
