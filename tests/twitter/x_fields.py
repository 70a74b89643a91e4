"""The names that X's OpenAPI description has for fields and expansions of posts and accounts.

Of version 2.166 (tweet words) and 2.167 (post words); held against it by test_fields.
"""

NAMES = {
    "tweet": {
        "tweet.fields": (
            "article attachments author_id card_uri community_id context_annotations "
            "conversation_id created_at display_text_range edit_controls "
            "edit_history_tweet_ids entities geo id in_reply_to_user_id lang "
            "matched_media_notes media_metadata non_public_metrics note_request_suggestions "
            "note_tweet organic_metrics paid_partnership possibly_sensitive promoted_metrics "
            "public_metrics referenced_tweets reply_settings scopes source "
            "suggested_source_links suggested_source_links_with_counts text withheld"
        ).split(),
        "expansions": (
            "affiliation.user_id article.cover_media article.media_entities "
            "attachments.media_keys attachments.media_source_tweet attachments.poll_ids "
            "author_id edit_history_tweet_ids entities.mentions.username "
            "entities.note.mentions.username geo.place_id in_reply_to_user_id "
            "most_recent_tweet_id pinned_tweet_id referenced_tweets.id "
            "referenced_tweets.id.attachments.media_keys referenced_tweets.id.author_id"
        ).split(),
        "user.fields": (
            "affiliation confirmed_email connection_status created_at description entities id "
            "is_identity_verified location most_recent_tweet_id name parody pinned_tweet_id "
            "profile_banner_url profile_image_url protected public_metrics receives_your_dm "
            "subscription subscription_type url username verified verified_followers_count "
            "verified_type withheld"
        ).split(),
        "media.fields": (
            "alt_text duration_ms height media_key non_public_metrics organic_metrics "
            "preview_image_url promoted_metrics public_metrics type url variants width"
        ).split(),
        "place.fields": (
            "contained_within country country_code full_name geo id name place_type"
        ).split(),
        "poll.fields": "duration_minutes end_datetime id options voting_status".split(),
    },
    "post": {
        "post.fields": (
            "article article_title attachments card_uri community_id context_annotations "
            "conversation_id created_at display_text_range edit_controls entities geo id lang "
            "matched_media_notes media_metadata non_public_metrics note_post "
            "note_request_suggestions organic_metrics paid_partnership possibly_sensitive "
            "promoted_metrics public_metrics reply_settings scopes source "
            "suggested_source_links suggested_source_links_with_counts text withheld"
        ).split(),
        "expansions": (
            "affiliation article.cover_media article.media_entities attachments.media_keys "
            "attachments.media_source_tweet attachments.poll_ids author_id "
            "edit_history_post_ids entities.mentions.username geo.place_id "
            "in_reply_to_user_id most_recent_post_id pinned_post_id referenced_posts username"
        ).split(),
        "user.fields": (
            "confirmed_email connection_status created_at description entities id "
            "is_identity_verified location name parody profile_banner_url profile_image_url "
            "protected public_metrics receives_your_dm subscribes_to_you subscription "
            "subscription_type url username verified verified_followers_count verified_type "
            "withheld"
        ).split(),
        "media.fields": (
            "alt_text duration_ms height media_key non_public_metrics organic_metrics "
            "preview_image_url promoted_metrics public_metrics type url variants width"
        ).split(),
        "place.fields": (
            "contained_within country country_code full_name geo id name place_type"
        ).split(),
        "poll.fields": "duration_minutes end_datetime id options voting_status".split(),
    },
}
