# Each target is bootstrap.py's; this file adds nothing. `make up ARGS='--fresh --port 8081'`.
PYTHON ?= python3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: setup up down test lint bench simulate faults planted docs lock audit help
setup up down test lint bench simulate faults planted docs lock audit help:
	@exec "$(PYTHON)" bootstrap.py $@ $(ARGS)
