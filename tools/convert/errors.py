class ConvertError(Exception):
    """What stands in the way, for a person: names the file or tensor."""
