"""What every source says of itself."""

import pytest

from headstart.data.sources import SOURCES


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_source_is_described(name: str) -> None:
    source = SOURCES[name]
    assert source.title and source.licence and source.citation and source.homepage.startswith("http")
    assert source.needs and "train" in source.counts
    assert (source.mean is None) == (source.std is None)
    if source.mean is not None:
        assert len(source.mean) == len(source.std or ()) == source.channels
    for file in source.files:
        assert file.url.startswith("http")
        kind, _, digits = (file.checksum or "").partition(":")
        assert len(digits) == {"md5": 32, "sha256": 64}[kind] and int(digits, 16)
        # An archive may not shrink; what it may grow to is stated.
        archive = file.name.endswith((".tar.gz", ".tgz", ".zip"))
        assert archive == (file.unpacks_to is not None)
