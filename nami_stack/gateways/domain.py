"""A domain name of the user's own in front of a gateway."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct, IDependable

from nami_stack import names
from nami_stack.settings import DomainSettings


class CustomDomain(Construct):
    """A regional domain name; the gateway that it is given to serves all its subscriptions there.

    Args:
        domain_name: such as hooks.example.com.
        certificate: one for it, in the same region, or its ARN. Where not given, the domain name must be there
            already, made by another stack or by hand, and this gateway answers below `base_path`.
        hosted_zone: the Route 53 zone that gets the name's records, or its id; where not given, point the name to
            `target` yourself.
        base_path: first part of the path, which the gateway takes off again; with several gateways on one domain,
            each needs its own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        domain_name: str,
        certificate: acm.ICertificate | str | None = None,
        hosted_zone: route53.IHostedZone | str | None = None,
        base_path: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.domain_name = domain_name
        self.base_path = base_path
        self.target: str | None = None
        self._name: apigw.DomainName | None = None
        if certificate is None:
            return
        if isinstance(certificate, str):
            certificate = acm.Certificate.from_certificate_arn(self, "Certificate", certificate)
        if hosted_zone is not None and not isinstance(hosted_zone, str):
            hosted_zone = hosted_zone.hosted_zone_id
        self._name = apigw.DomainName(
            self,
            "Name",
            domain_name=domain_name,
            certificate=certificate,
            security_policy=apigw.SecurityPolicy.TLS_1_2,
        )
        self.target = self._name.regional_domain_name
        for kind in ("A", "AAAA") if hosted_zone else ():
            # Not the construct for records: it asks for the zone's name as well.
            route53.CfnRecordSet(
                self,
                f"Record{kind}",
                name=domain_name,
                type=kind,
                hosted_zone_id=hosted_zone,
                alias_target=route53.CfnRecordSet.AliasTargetProperty(
                    dns_name=self._name.regional_domain_name, hosted_zone_id=self._name.regional_hosted_zone_id
                ),
            )

    @classmethod
    def of(cls, scope: Construct, settings: DomainSettings, *, base_path: str) -> "CustomDomain | None":
        """The domain that the settings name, if any; on one that is there already the gateway is below `base_path`.

        Where the name's record is left to the user, an output says what it must point to.
        """
        if not settings.domain_name:
            return None
        domain = cls(
            scope,
            "Domain",
            domain_name=settings.domain_name,
            certificate=settings.certificate_arn,
            hosted_zone=settings.hosted_zone_id,
            base_path=None if settings.certificate_arn else base_path,
        )
        if domain.target and not settings.hosted_zone_id:
            cdk.CfnOutput(scope, names.DOMAIN_TARGET, value=domain.target)
        return domain

    def serve(self, scope: Construct, *, api_id: str, stage: str, after: IDependable | None = None) -> str:
        """Send the domain's requests to one stage of an API and return the URL that its paths are added to.

        Args:
            after: what makes the stage, where its name alone does not lead to it.
        """
        mapping = apigw.CfnApiMapping(
            scope, "Domain", api_id=api_id, stage=stage, domain_name=self.domain_name, api_mapping_key=self.base_path
        )
        for needed in (self._name, after):
            if needed:
                mapping.node.add_dependency(needed)
        return f"https://{self.domain_name}" + (f"/{self.base_path}" if self.base_path else "")
