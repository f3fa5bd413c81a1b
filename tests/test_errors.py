from headstart.errors import unknown


def test_a_long_list_of_names_is_not_read_out():
    names = [f"vit_{letter}_patch{number}" for letter in "abcdefgh" for number in range(100)]
    assert str(unknown("timm model", "vit_a_pach7", names)) == (
        "unknown timm model 'vit_a_pach7': did you mean 'vit_a_patch7' or 'vit_a_patch97' or 'vit_a_patch87'? "
        "800 are known."
    )
    far = str(unknown("timm model", "?", names))
    assert far.startswith("unknown timm model '?': Known: vit_a_patch0, vit_a_patch1, vit_a_patch10, ")
    assert far.endswith(", vit_a_patch26 and 780 more.") and far.count(",") == 19
