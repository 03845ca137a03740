"""Derive everything that needs the book's public address from `repository.url` in `_config.yml`.

With an address: launch buttons, the site's base address, opengraph URLs and a sitemap. Without one, none of them: a
link would lead to a place that nobody here owns.
"""

from urllib.parse import urlsplit


def pages_address(repository):
    """Return where GitHub Pages serves the site of a repository, `https://OWNER.github.io/NAME/`."""
    owner, name = urlsplit(repository).path.strip("/").split("/")
    return f"https://{owner}.github.io/{name}/"


def setup(app):
    """Switch on what the address allows."""
    theme = app.config.html_theme_options
    repository = theme.get("repository_url")
    if repository:
        app.config.html_baseurl = app.config.ogp_site_url = pages_address(repository)
        app.config.sitemap_url_scheme = "{link}"
        app.setup_extension("sphinx_sitemap")
        theme["use_repository_button"] = True
    else:
        for option in ("launch_buttons", "repository_url", "repository_branch"):
            theme.pop(option, None)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
