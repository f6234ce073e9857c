"""`python -m tools.package BUCKET`: put what was built into a bucket, and print the link that deploys it.

Lambda reads the code from a bucket of its own region, and CloudFormation the template: those who deploy by the link
need `s3:GetObject` on both, by the bucket's policy or because the bucket is their account's.
"""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from tools.build import BUILT, PROGRAM

KEY = "ringostat-bridge.yaml"
CHECK = "--check"  # only whether the bucket can be reached: it is asked before the build, which takes minutes


def link(bucket: str, region: str) -> str:
    """Return the address of the console's page that creates the stack.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    template = f"https://{bucket}.s3.{region}.amazonaws.com/{KEY}"
    query = urlencode({"templateURL": template, "stackName": "ringostat-bridge"})
    return f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/quickcreate?{query}"


def region_of(bucket: str) -> str:
    """Return a bucket's region; raise what boto3 raises where it cannot be reached."""
    return boto3.client("s3").get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"


def uploaded(bucket: str, built: Path = BUILT) -> str:
    """Package what was built, upload it, and return the link; raise CalledProcessError if SAM CLI fails."""
    s3, region = boto3.client("s3"), region_of(bucket)
    packaged = built.parent / KEY
    options = ["--s3-bucket", bucket, "--region", region, "--output-template-file", packaged]
    command = [PROGRAM, "package", "--template-file", built / "template.yaml", *options]
    subprocess.run([str(word) for word in command], check=True)
    s3.upload_file(str(packaged), bucket, KEY)
    return link(bucket, region)


def main() -> int:
    """Package, upload, print the link, or only check the bucket; return an exit code."""
    try:
        (bucket,) = (word for word in sys.argv[1:] if word != CHECK)
        if CHECK in sys.argv:
            region_of(bucket)
        else:
            print(uploaded(bucket))
    except ValueError:
        print("Name the bucket: make package BUCKET=name", file=sys.stderr)
        return 1
    except (Boto3Error, BotoCoreError, ClientError) as error:
        print(f"The bucket cannot be reached, see AWS_PROFILE: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
