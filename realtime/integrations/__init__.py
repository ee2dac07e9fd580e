"""Parts of this library in the shape that frameworks take them.

Each module is about one framework and imports it: `pipecat`, `openai_agents`. Nothing is imported here.
What needs a few lines only is on the framework's page in docs/frameworks/.
"""
