"""The environment that makes every AWS tool talk to local AWS, and to nothing else."""

import os

from nami_control.cdk import search_path
from nami_local.state import Home, State
from nami_stack import names

ACCOUNT = "123456789012"
REGION = "us-east-1"


def for_tools(home: Home, state: State) -> dict[str, str]:
    """The variables that point the CDK CLI, boto3 and the AWS CLI at this local AWS."""
    return {
        "AWS_ENDPOINT_URL": state.endpoint_url,
        **credentials(state.token),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # The CDK CLI keeps there which account a key belongs to.
        "CDK_HOME": str(home.folder / "cdk"),
        # Half of a synthesis, for what local AWS finds out by itself.
        "CDK_VALIDATION": "false",
        names.RUN_HERE: "1",
    }


def credentials(token: str) -> dict[str, str]:
    """Those of a local AWS: it looks at the token alone, and so do functions and whoever takes a role on."""
    return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": token}


def of_tools(home: Home, state: State) -> dict[str, str]:
    """This process's environment, changed so that nothing in it leads to a real account or through a proxy."""
    # Without compiled modules each synthesis takes twice as long.
    dropped = ("AWS_", "CDK_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return {
        **kept,
        **for_tools(home, state),
        "PATH": search_path(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "NO_COLOR": "1",
    }


def of_aws(home: Home, port: int, token: str) -> dict[str, str]:
    """The environment of local AWS itself. The functions inherit it, so nothing else of the user's is in it."""
    kept = {key: os.environ[key] for key in ("HOME", "LANG", "LC_ALL", "TZ") if key in os.environ}
    return {
        **kept,
        "PATH": search_path(),
        "TMPDIR": str(home.temporary),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "S3_DATA_DIR": str(home.temporary / "s3"),
        "STATE_DIR": str(home.temporary / "state"),
        "DOCKER_HOST": f"unix://{home.temporary}/no-docker.sock",  # it would look for containers of its own
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        **credentials(token),
        "PYTHONUNBUFFERED": "1",
    }
