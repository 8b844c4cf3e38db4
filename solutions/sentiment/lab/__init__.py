"""The machinery behind the six modules beside this folder: settings, models, training, measuring, drawing."""
