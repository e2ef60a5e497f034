# Everything a developer types. `make help` lists it.
comma := ,
PYTHON := .venv/bin/python
NAME ?= ophite
PROVISIONER ?= qemu
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo --preserve-env=HOME$(comma)PATH$(comma)OPHITE_CACHE$(comma)OPHITE_SOAK$(comma)OPHITE_KILLS$(comma)OPHITE_SEED)
PYTEST := $(SUDO) $(PYTHON) -m pytest
export PATH := $(PATH):/usr/sbin:/sbin
export MYPY_CACHE_DIR ?= $(or $(OPHITE_CACHE),$(HOME)/.cache/ophite)/mypy

.DEFAULT_GOAL := help
.PHONY: help setup lint unit kernel image node vm test run destroy clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## install Debian packages and the Python environment
.venv/.ready: pyproject.toml image/host-packages.txt tests/host-packages.txt
	.ci/setup

lint: setup ## format, lint, types, layers
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

unit: setup ## tests without root, network and sleep: seconds
	$(PYTHON) -m pytest tests/unit tests/conformance

kernel: setup ## tests with the kernel: namespaces, loop devices (root)
	$(PYTEST) tests/kernel

image: setup ## build the image into build/image
	$(PYTHON) -m image.build --output build/image

node: setup ## a full node in namespaces, twice (root)
	$(PYTEST) tests/node

vm: setup ## nodes in QEMU: minutes without KVM (OPHITE_SOAK=1: 60 power cuts of each kind, every bad version: hours)
	$(PYTEST) tests/vm

test: setup lint ## everything, as the continuous integration runs it
	$(PYTEST) tests

run: image ## from nothing to a Ready node in QEMU (PROVISIONER=namespaces: seconds, as root)
	mkdir -p build/bin
	ln -sfn "$$($(PYTHON) -m image.kubernetes)/kubectl" build/bin/kubectl
	$(PYTHON) -m image.cluster create --name $(NAME) --provisioner $(PROVISIONER) --kubectl build/bin/kubectl

destroy: ## end the cluster of `make run` and remove it
	$(PYTHON) -m image.cluster destroy --name $(NAME)

clean: ## remove what was built; the cache outside the checkout stays
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
