from typing import Any

from django.db import migrations, models


def name_what_is_certain(apps: Any, schema_editor: Any) -> None:
    """A group of one task and one queue says where its deaths were; of the others it is not known any more."""
    groups = apps.get_model("dlq", "Group").objects.using(schema_editor.connection.alias)
    counts = apps.get_model("dlq", "GroupCount").objects.using(schema_editor.connection.alias)
    for fingerprint, tasks, queues in groups.values_list("fingerprint", "tasks", "queues").iterator():
        if len(tasks) == len(queues) == 1:
            counts.filter(group_id=fingerprint).update(task=tasks[0], queue=queues[0])


class Migration(migrations.Migration):
    dependencies = [
        ("dlq", "0002_source_address"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="groupcount",
            name="group_count_once",
        ),
        migrations.AddField(
            model_name="groupcount",
            name="queue",
            field=models.CharField(default="", max_length=64),
        ),
        migrations.AddField(
            model_name="groupcount",
            name="task",
            field=models.CharField(default="", max_length=255),
        ),
        migrations.AddConstraint(
            model_name="groupcount",
            constraint=models.UniqueConstraint(
                fields=("group", "span", "at", "task", "queue"), name="group_count_once"
            ),
        ),
        migrations.RunPython(name_what_is_certain, migrations.RunPython.noop),
    ]
