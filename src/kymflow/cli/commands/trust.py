"""``kymflow trust``."""

from __future__ import annotations

import click

from kymflow.cli.results import tell


@click.command("trust")
@click.argument("host", required=False, help="HOST, or HOST:PORT for that port alone.")
@click.option("--remove", is_flag=True, help="Allow the host no longer.")
@click.option("--list", "listing", is_flag=True, help="List the hosts that are allowed.")
def command(host: str | None, remove: bool, listing: bool) -> None:
    """Allow datasets to name a host, or list those allowed.

    A dataset can say that its catalog is on a server, and whoever connects there sends a name and
    perhaps a password. So kymflow connects to no host but those you allow: here, for all your
    datasets, or by the environment variable KYMFLOW_TRUSTED_HOSTS. Without HOST, list them.
    """
    from kymflow_zarr.store.trust import Host, distrust, trust, trusted_hosts

    if host is None or listing:
        if remove or host is not None:
            raise click.UsageError("--list takes no HOST, and --remove needs one")
        for each in trusted_hosts():
            click.echo(str(each))
        return
    named = Host.parse(host)
    if not remove:
        trust(named)
        tell(f"trust host={named}", f"datasets may name {named}")
    elif distrust(named):
        tell(f"trust removed={named}", f"datasets may no longer name {named}")
    else:
        listed = ", ".join(map(str, trusted_hosts())) or "none"
        raise click.UsageError(f"{named} is not in your file; allowed are: {listed}")
