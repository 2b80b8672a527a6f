# SPDX-License-Identifier: GPL-2.0
# The protocols as Promela models, a screen long: spin looks at every state of them.
model: | $(STAMP)/model ## prove the protocols' models with spin (LINE=4: how it fails with that line changed)
	@labs/model/model.py $(LINE)

.PHONY: model
