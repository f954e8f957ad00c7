"""Maps the top-level directories to the one import name ``metazoo``."""

from setuptools import find_packages, setup

ROOTS = {
    "zoo": "metazoo",
    "trainers": "metazoo.trainers",
    "serving": "metazoo.serving",
}

packages = []
package_dir = {}
for directory, name in ROOTS.items():
    package_dir[name] = directory
    packages.append(name)
    packages += [f"{name}.{sub}" for sub in find_packages(directory)]

setup(packages=packages, package_dir=package_dir)
