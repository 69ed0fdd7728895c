"""What raises an alarm, and what its message says."""

from dataclasses import KW_ONLY, dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from nami_stack.watching.naming import named

# So many periods of the last so many. A lone error is made good by the next try, the producer's or the queue's; a
# second minute with errors within the hour is no chance, however few webhooks come.
AGAIN = (2, 60)
# Five minutes of fifteen: a host that replaces itself takes two to four.
LASTING = (5, 15)
ONCE = (1, 1)
Missing = cloudwatch.TreatMissingData


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Args:
        key: its name in the stack.
        above: what the metric must exceed, unless it must be `below` something.
        periods: so many of the last so many.
        missing: what periods without a value count as.
        after: what is there before the alarm is.
        what: happened.
        why: that is worth an alarm.
        todo: then.
    """

    key: str
    metric: cloudwatch.IMetric
    _: KW_ONLY
    above: float = 0
    below: float | None = None
    periods: tuple[int, int]
    missing: cloudwatch.TreatMissingData = Missing.NOT_BREACHING
    after: IConstruct | None = None
    what: str
    why: str
    todo: str

    def make(self, scope: Construct, topic: sns.ITopic) -> cloudwatch.Alarm:
        """The alarm in `scope` that goes to the topic; the one of this key that is there already, where one is."""
        if isinstance(there := scope.node.try_find_child(self.key), cloudwatch.Alarm):
            return there
        operators = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            scope,
            self.key,
            alarm_name=named(scope, self.key),
            alarm_description=f"{self.what}\nWhy: {self.why}\nWhat to do: {self.todo}",
            metric=self.metric,
            threshold=self.above if self.below is None else self.below,
            comparison_operator=operators.GREATER_THAN_THRESHOLD
            if self.below is None
            else operators.LESS_THAN_THRESHOLD,
            datapoints_to_alarm=self.periods[0],
            evaluation_periods=self.periods[1],
            treat_missing_data=self.missing,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))
        if self.after:
            alarm.node.add_dependency(self.after)
        return alarm
