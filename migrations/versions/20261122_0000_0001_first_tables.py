"""first tables

Revision ID: 0001
Revises:
Create Date: 2026-11-22 00:00:00+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "api_usage",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("endpoint", sa.String(length=60), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("users", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "endpoint", "day", name=op.f("pk_api_usage")),
    )
    op.create_table(
        "day_total",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("lowest_id", sa.BigInteger(), nullable=False),
        sa.Column("highest_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_day_total")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("subject_type", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("open_key", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("open_key", name=op.f("uq_event_open_key")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_at", ["at"], unique=False)
        batch_op.create_index("ix_event_kind_subject_id", ["kind", "subject_id"], unique=False)

    op.create_table(
        "heartbeat",
        sa.Column("program", sa.String(length=255), nullable=False),
        sa.Column("filter_ids", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=100), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alive_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("post_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posts", sa.BigInteger(), nullable=False),
        sa.Column("posts_a_minute", sa.Double(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("program", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url_hash", sa.String(length=64), nullable=False),
        sa.Column("start_url", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.Column("final_url", sa.Text(), nullable=False),
        sa.Column("final_status", sa.Integer(), nullable=True),
        sa.Column("final_headers", sa.JSON(), nullable=False),
        sa.Column("final_domain", sa.String(length=255), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("canonical_url", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("url_hash", name=op.f("uq_link_url_hash")),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_final_domain"), ["final_domain"], unique=False)
        batch_op.create_index("ix_link_retry_at", ["retry_at"], unique=False)

    op.create_table(
        "program_retry",
        sa.Column("program", sa.String(length=255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("program", name=op.f("pk_program_retry")),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_attempts")),
    )
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sign_in_attempts_began_at"), ["began_at"], unique=False
        )

    op.create_table(
        "sign_in_state",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_state")),
    )
    with op.batch_alter_table("sign_in_state", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sign_in_state_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "user_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("lower_username", sa.String(length=150), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("awaits_approval", sa.Boolean(), nullable=False),
        sa.Column("session_key", sa.String(length=64), nullable=False),
        sa.Column("twitter_uid", sa.BigInteger(), nullable=True),
        sa.Column("twitter_name", sa.String(length=50), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("lower_username", name=op.f("uq_user_account_lower_username")),
        sa.UniqueConstraint("session_key", name=op.f("uq_user_account_session_key")),
        sa.UniqueConstraint("twitter_uid", name=op.f("uq_user_account_twitter_uid")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor", sa.String(length=150), nullable=False),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_kind", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"],
            ["user_account.id"],
            name=op.f("fk_audit_entry_actor_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entry_actor", ["actor_id", "at"], unique=False)
        batch_op.create_index("ix_audit_entry_at", ["at", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_entry_subject", ["subject_kind", "subject_id", "at"], unique=False
        )

    op.create_table(
        "credential",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("twitter_uid", sa.BigInteger(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_credential_user_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_credential_fingerprint")),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credential_key_id"), ["key_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credential_user_id"), ["user_id"], unique=False)

    op.create_table(
        "export_profile",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["user_account.id"],
            name=op.f("fk_export_profile_owner_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_profile")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_export_profile_owner_id_name")),
    )
    op.create_table(
        "recurring_export",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("every", sa.String(length=5), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_file", sa.String(length=200), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["user_account.id"],
            name=op.f("fk_recurring_export_owner_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recurring_export")),
    )
    with op.batch_alter_table("recurring_export", schema=None) as batch_op:
        batch_op.create_index("ix_recurring_export_next_at", ["next_at"], unique=False)

    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("slot", sa.String(length=80), nullable=True),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column(
            "requested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("waiting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("api_calls", sa.BigInteger(), nullable=False),
        sa.Column("api_posts", sa.BigInteger(), nullable=False),
        sa.Column("api_users", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["requested_by_id"],
            ["user_account.id"],
            name=op.f("fk_run_requested_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("slot", name=op.f("uq_run_slot")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index("ix_run_kind_queued_at", ["kind", "queued_at"], unique=False)
        batch_op.create_index("ix_run_state", ["state"], unique=False)

    op.create_table(
        "scheduled_job",
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("schedule", sa.String(length=80), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "changed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("last_slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["user_account.id"],
            name=op.f("fk_scheduled_job_changed_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduled_job")),
    )
    op.create_table(
        "twitter_user",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("lower_name", sa.String(length=50), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("former_names", sa.JSON(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "added_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("created_on_twitter_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("followers_count", sa.BigInteger(), nullable=True),
        sa.Column("friends_count", sa.BigInteger(), nullable=True),
        sa.Column("statuses_count", sa.BigInteger(), nullable=True),
        sa.Column("listed_count", sa.BigInteger(), nullable=True),
        sa.Column("held_to_id", sa.BigInteger(), nullable=True),
        sa.Column("pass_newest_id", sa.BigInteger(), nullable=True),
        sa.Column("pass_oldest_id", sa.BigInteger(), nullable=True),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("empty_polls", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("ask_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tweets_per_day", sa.Double(), nullable=True),
        sa.Column("items_count", sa.BigInteger(), nullable=False),
        sa.Column("newest_item_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("oldest_item_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["added_by_id"],
            ["user_account.id"],
            name=op.f("fk_twitter_user_added_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twitter_user")),
        sa.UniqueConstraint("uid", name=op.f("uq_twitter_user_uid")),
    )
    with op.batch_alter_table("twitter_user", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_twitter_user_lower_name"), ["lower_name"], unique=False
        )

    op.create_table(
        "twitter_user_set",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["user_account.id"],
            name=op.f("fk_twitter_user_set_owner_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twitter_user_set")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_twitter_user_set_owner_id_name")),
    )
    op.create_table(
        "account_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "twitter_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_account_event_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_event")),
    )
    with op.batch_alter_table("account_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_account_event_twitter_user_id"), ["twitter_user_id"], unique=False
        )

    op.create_table(
        "day_count",
        sa.Column(
            "twitter_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_day_count_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("twitter_user_id", "day", name=op.f("pk_day_count")),
    )
    op.create_table(
        "export_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("rows_written", sa.BigInteger(), nullable=True),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("rows_expected", sa.BigInteger(), nullable=True),
        sa.Column(
            "decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["user_account.id"],
            name=op.f("fk_export_file_decided_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["user_account.id"],
            name=op.f("fk_export_file_owner_id_user_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_export_file_run_id_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_file")),
    )
    with op.batch_alter_table("export_file", schema=None) as batch_op:
        batch_op.create_index(
            "ix_export_file_owner_created_at", ["owner_id", "created_at"], unique=False
        )
        batch_op.create_index("ix_export_file_state", ["state"], unique=False)

    op.create_table(
        "former_name",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "twitter_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("lower_name", sa.String(length=50), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_former_name_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_name")),
    )
    with op.batch_alter_table("former_name", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_former_name_lower_name"), ["lower_name"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_former_name_twitter_user_id"), ["twitter_user_id"], unique=False
        )

    op.create_table(
        "run_error",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "twitter_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_run_error_run_id_run"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_run_error_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_error")),
    )
    with op.batch_alter_table("run_error", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_error_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_run_error_twitter_user_id"), ["twitter_user_id"], unique=False
        )

    op.create_table(
        "twitter_filter",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "credential_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("locations", sa.Text(), nullable=False),
        sa.Column("rule_text", sa.Text(), nullable=False),
        sa.Column("uids", sa.JSON(), nullable=False),
        sa.Column("people_not_found", sa.JSON(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "held_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credential.id"],
            name=op.f("fk_twitter_filter_credential_id_credential"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["held_by_id"],
            ["user_account.id"],
            name=op.f("fk_twitter_filter_held_by_id_user_account"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_twitter_filter_user_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twitter_filter")),
        sa.UniqueConstraint("name", name=op.f("uq_twitter_filter_name")),
    )
    with op.batch_alter_table("twitter_filter", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_twitter_filter_credential_id"), ["credential_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_twitter_filter_user_id"), ["user_id"], unique=False)

    op.create_table(
        "twitter_user_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "twitter_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("twitter_id", sa.BigInteger(), nullable=False),
        sa.Column("date_published", sa.DateTime(timezone=True), nullable=False),
        sa.Column("date_is_guessed", sa.Boolean(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("captured_by", sa.String(length=20), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("is_retweet_strict", sa.Boolean(), nullable=False),
        sa.Column("is_retweet", sa.Boolean(), nullable=False),
        sa.Column("lang", sa.String(length=10), nullable=False),
        sa.Column("has_link", sa.Boolean(), nullable=False),
        sa.Column("has_media", sa.Boolean(), nullable=False),
        sa.Column("possibly_sensitive", sa.Boolean(), nullable=True),
        sa.Column("retweet_count", sa.BigInteger(), nullable=True),
        sa.Column("like_count", sa.BigInteger(), nullable=True),
        sa.Column("reply_count", sa.BigInteger(), nullable=True),
        sa.Column("quote_count", sa.BigInteger(), nullable=True),
        sa.Column("bookmark_count", sa.BigInteger(), nullable=True),
        sa.Column("impression_count", sa.BigInteger(), nullable=True),
        sa.Column("conversation_id", sa.BigInteger(), nullable=True),
        sa.Column("in_reply_to_id", sa.BigInteger(), nullable=True),
        sa.Column("in_reply_to_uid", sa.BigInteger(), nullable=True),
        sa.Column("in_reply_to_screen_name", sa.String(length=50), nullable=False),
        sa.Column("retweeted_id", sa.BigInteger(), nullable=True),
        sa.Column("retweeted_uid", sa.BigInteger(), nullable=True),
        sa.Column("retweeted_screen_name", sa.String(length=50), nullable=False),
        sa.Column("quoted_id", sa.BigInteger(), nullable=True),
        sa.Column("quoted_screen_name", sa.String(length=50), nullable=False),
        sa.Column("author_uid", sa.BigInteger(), nullable=True),
        sa.Column("screen_name", sa.String(length=50), nullable=False),
        sa.Column("followers_count", sa.BigInteger(), nullable=True),
        sa.Column("friends_count", sa.BigInteger(), nullable=True),
        sa.Column("statuses_count", sa.BigInteger(), nullable=True),
        sa.Column("listed_count", sa.BigInteger(), nullable=True),
        sa.Column("author_verified", sa.Boolean(), nullable=True),
        sa.Column("author_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("links_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("text_is_cut", sa.Boolean(), nullable=False),
        sa.Column("item_text", sa.Text(), nullable=False),
        sa.Column("quoted_text", sa.Text(), nullable=False),
        sa.Column("hashtags", sa.JSON(), nullable=False),
        sa.Column("mentions", sa.JSON(), nullable=False),
        sa.Column("urls", sa.JSON(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.Column("edit_history", sa.JSON(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("place_country", sa.String(length=10), nullable=False),
        sa.Column("withheld_in", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_location", sa.Text(), nullable=False),
        sa.Column("author_description", sa.Text(), nullable=False),
        sa.Column("item_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_twitter_user_item_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twitter_user_item")),
        sa.UniqueConstraint("twitter_id", name=op.f("uq_twitter_user_item_twitter_id")),
    )
    with op.batch_alter_table("twitter_user_item", schema=None) as batch_op:
        batch_op.create_index(
            "ix_twitter_user_item_tweet",
            ["twitter_id", "twitter_user_id", "kind", "lang", "has_link", "has_media", "month"],
            unique=False,
        )
        batch_op.create_index(
            "ix_twitter_user_item_user_tweet",
            ["twitter_user_id", "twitter_id", "kind", "lang", "has_link", "has_media", "month"],
            unique=False,
        )

    op.create_table(
        "twitter_user_set_member",
        sa.Column("set_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "twitter_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["set_id"],
            ["twitter_user_set.id"],
            name=op.f("fk_twitter_user_set_member_set_id_twitter_user_set"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["twitter_user_id"],
            ["twitter_user.id"],
            name=op.f("fk_twitter_user_set_member_twitter_user_id_twitter_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "set_id", "twitter_user_id", name=op.f("pk_twitter_user_set_member")
        ),
    )
    with op.batch_alter_table("twitter_user_set_member", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_twitter_user_set_member_twitter_user_id"),
            ["twitter_user_id"],
            unique=False,
        )

    op.create_table(
        "gap",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("filter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("prefix", sa.String(length=40), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("cause", sa.String(length=30), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=True),
        sa.Column("lost_estimate", sa.BigInteger(), nullable=False),
        sa.Column("lost_counted", sa.BigInteger(), nullable=False),
        sa.Column("filled", sa.String(length=12), nullable=False),
        sa.Column("filled_posts", sa.BigInteger(), nullable=False),
        sa.Column("filled_note", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["filter_id"],
            ["twitter_filter.id"],
            name=op.f("fk_gap_filter_id_twitter_filter"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_gap_run_id_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap")),
    )
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.create_index("ix_gap_filter_began", ["filter_id", "began_at"], unique=False)
        batch_op.create_index("ix_gap_prefix_began", ["prefix", "began_at"], unique=False)

    op.create_table(
        "stream_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("filter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("prefix", sa.String(length=40), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=True),
        sa.Column("last_id", sa.BigInteger(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("damage", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["filter_id"],
            ["twitter_filter.id"],
            name=op.f("fk_stream_file_filter_id_twitter_filter"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_file")),
        sa.UniqueConstraint("path", name=op.f("uq_stream_file_path")),
    )
    with op.batch_alter_table("stream_file", schema=None) as batch_op:
        batch_op.create_index("ix_stream_file_begun_at", ["begun_at", "id"], unique=False)
        batch_op.create_index(
            "ix_stream_file_filter_begun", ["filter_id", "begun_at"], unique=False
        )

    op.create_table(
        "twitter_user_item_url",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("expanded_url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["twitter_user_item.id"],
            name=op.f("fk_twitter_user_item_url_item_id_twitter_user_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["link.id"],
            name=op.f("fk_twitter_user_item_url_link_id_link"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twitter_user_item_url")),
        sa.UniqueConstraint(
            "item_id", "link_id", name=op.f("uq_twitter_user_item_url_item_id_link_id")
        ),
    )
    with op.batch_alter_table("twitter_user_item_url", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_twitter_user_item_url_link_id"), ["link_id"], unique=False
        )


def downgrade() -> None:

    with op.batch_alter_table("twitter_user_item_url", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_twitter_user_item_url_link_id"))

    op.drop_table("twitter_user_item_url")
    with op.batch_alter_table("stream_file", schema=None) as batch_op:
        batch_op.drop_index("ix_stream_file_filter_begun")
        batch_op.drop_index("ix_stream_file_begun_at")

    op.drop_table("stream_file")
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.drop_index("ix_gap_prefix_began")
        batch_op.drop_index("ix_gap_filter_began")

    op.drop_table("gap")
    with op.batch_alter_table("twitter_user_set_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_twitter_user_set_member_twitter_user_id"))

    op.drop_table("twitter_user_set_member")
    with op.batch_alter_table("twitter_user_item", schema=None) as batch_op:
        batch_op.drop_index("ix_twitter_user_item_user_tweet")
        batch_op.drop_index("ix_twitter_user_item_tweet")

    op.drop_table("twitter_user_item")
    with op.batch_alter_table("twitter_filter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_twitter_filter_user_id"))
        batch_op.drop_index(batch_op.f("ix_twitter_filter_credential_id"))

    op.drop_table("twitter_filter")
    with op.batch_alter_table("run_error", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_error_twitter_user_id"))
        batch_op.drop_index(batch_op.f("ix_run_error_run_id"))

    op.drop_table("run_error")
    with op.batch_alter_table("former_name", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_former_name_twitter_user_id"))
        batch_op.drop_index(batch_op.f("ix_former_name_lower_name"))

    op.drop_table("former_name")
    with op.batch_alter_table("export_file", schema=None) as batch_op:
        batch_op.drop_index("ix_export_file_state")
        batch_op.drop_index("ix_export_file_owner_created_at")

    op.drop_table("export_file")
    op.drop_table("day_count")
    with op.batch_alter_table("account_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_event_twitter_user_id"))

    op.drop_table("account_event")
    op.drop_table("twitter_user_set")
    with op.batch_alter_table("twitter_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_twitter_user_lower_name"))

    op.drop_table("twitter_user")
    op.drop_table("scheduled_job")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index("ix_run_state")
        batch_op.drop_index("ix_run_kind_queued_at")

    op.drop_table("run")
    with op.batch_alter_table("recurring_export", schema=None) as batch_op:
        batch_op.drop_index("ix_recurring_export_next_at")

    op.drop_table("recurring_export")
    op.drop_table("export_profile")
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credential_user_id"))
        batch_op.drop_index(batch_op.f("ix_credential_key_id"))

    op.drop_table("credential")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entry_subject")
        batch_op.drop_index("ix_audit_entry_at")
        batch_op.drop_index("ix_audit_entry_actor")

    op.drop_table("audit_entry")
    op.drop_table("user_account")
    with op.batch_alter_table("sign_in_state", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_state_expires_at"))

    op.drop_table("sign_in_state")
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_attempts_began_at"))

    op.drop_table("sign_in_attempts")
    op.drop_table("program_retry")
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index("ix_link_retry_at")
        batch_op.drop_index(batch_op.f("ix_link_final_domain"))

    op.drop_table("link")
    op.drop_table("lease")
    op.drop_table("heartbeat")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_kind_subject_id")
        batch_op.drop_index("ix_event_at")

    op.drop_table("event")
    op.drop_table("day_total")
    op.drop_table("api_usage")
