"""The catalogues: `ru.po` and `en.po`."""
