"""Pages of docs/reference/ and schemas/asyncapi.yaml, made from the code that they describe."""
