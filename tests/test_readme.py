import re

import pytest


def test_the_readmes_code_runs_as_it_stands(request, tmp_path, monkeypatch, capsys):
    pytest.importorskip("timm")
    readme = (request.config.rootpath / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="3 heads cannot cover"):
        exec(compile(code, "README.md", "exec"), {})
    assert "mean target mass" in capsys.readouterr().out
    assert (tmp_path / "heads.png").read_bytes().startswith(b"\x89PNG")
