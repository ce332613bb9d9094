"""What a person copies from the address bar, and what the room's frame gets."""

import pytest
from room_ui.pages.links import embeddable, embeddable_chat, page_without_frame

RUTUBE = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("https://www.youtube.com/watch?list=x&v=dQw4w9WgXcQ&t=1s", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ?si=abc", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("https://youtube.com/live/dQw4w9WgXcQ?feature=share", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("http://m.youtube.com/shorts/dQw4w9WgXcQ", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("https://studio.youtube.com/video/dQw4w9WgXcQ/livestreaming", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("youtube.com/watch?v=dQw4w9WgXcQ", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("  https://www.youtube.com/embed/dQw4w9WgXcQ ", "https://www.youtube.com/embed/dQw4w9WgXcQ"),
        ("https://vk.ru/video-12345_67890", "https://vkvideo.ru/video_ext.php?oid=-12345&id=67890"),
        ("https://m.vk.ru/video-12345_67890", "https://vkvideo.ru/video_ext.php?oid=-12345&id=67890"),
        ("https://vk.com/video-12345_67890", "https://vkvideo.ru/video_ext.php?oid=-12345&id=67890"),
        ("https://vkvideo.ru/video-12345_67890", "https://vkvideo.ru/video_ext.php?oid=-12345&id=67890"),
        ("https://vk.com/video?z=video-12345_67890%2Fclub1", "https://vkvideo.ru/video_ext.php?oid=-12345&id=67890"),
        ("https://vk.com/video/@group?z=video12345_6", "https://vkvideo.ru/video_ext.php?oid=12345&id=6"),
        (
            "https://vkvideo.ru/video_ext.php?oid=-1&id=2&hash=abc",
            "https://vkvideo.ru/video_ext.php?oid=-1&id=2&hash=abc",
        ),
        (f"https://rutube.ru/video/{RUTUBE}/", f"https://rutube.ru/play/embed/{RUTUBE}/"),
        (f"https://rutube.ru/live/video/{RUTUBE}/?r=wd", f"https://rutube.ru/play/embed/{RUTUBE}/"),
        (f"https://rutube.ru/video/private/{RUTUBE}/?p=k-E_y", f"https://rutube.ru/play/embed/{RUTUBE}/?p=k-E_y"),
        (f"https://m.rutube.ru/video/{RUTUBE}/", f"https://rutube.ru/play/embed/{RUTUBE}/"),
        ("https://vimeo.com/123456789/1234567890", "https://player.vimeo.com/video/123456789?h=1234567890"),
        ("https://vimeo.com/groups/shortfilms/videos/1234", "https://player.vimeo.com/video/1234"),
        ("https://vimeo.com/showcase/55/video/1234", "https://player.vimeo.com/video/1234"),
        ("https://vimeo.com/manage/videos/1234", "https://player.vimeo.com/video/1234"),
        ("https://vimeo.com/showcase/1234", "https://vimeo.com/showcase/1234/embed"),
        ("https://vimeo.com/event/4321/abcdef0123", "https://vimeo.com/event/4321/embed/abcdef0123"),
        ("https://vimeo.com/123456789", "https://player.vimeo.com/video/123456789"),
        ("https://vimeo.com/123456789/abcdef0123", "https://player.vimeo.com/video/123456789?h=abcdef0123"),
        ("https://vimeo.com/channels/staffpicks/123456789", "https://player.vimeo.com/video/123456789"),
        ("https://vimeo.com/event/4242", "https://vimeo.com/event/4242/embed"),
        (
            '<iframe width="560" src="https://www.youtube.com/embed/dQw4w9WgXcQ?x=1&amp;y=2" allowfullscreen></iframe>',
            "https://www.youtube.com/embed/dQw4w9WgXcQ",
        ),
    ],
)
def test_an_ordinary_link_becomes_the_embeddable_one(link: str, address: str) -> None:
    assert embeddable(link) == address
    assert embeddable(address) == address


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://example.org/video",
        "https://notyoutube.com/watch?v=dQw4w9WgXcQ",
        "https://youtube.com.example.org/watch?v=dQw4w9WgXcQ",
        "https://www.youtube.com/",
        "https://vimeo.com/features",
        "https://vimeo.com/groups/55",
        "https://vimeo.com/channels/55",
        "https://www.youtube.com/embed/live_stream?channel=UC123",
        "https://www.youtube.com/embed/videoseries?list=PL123",
        "https://rutube.ru/channel/1/",
        "javascript:alert(1)",
        "https://[broken",
        "https://youtube.com:notaport/watch?v=dQw4w9WgXcQ",
        "просто слова",
        "https://zoom.us/j/123",
    ],
)
def test_any_other_link_stays_as_it_was_typed(link: str) -> None:
    assert embeddable(link) == link


def test_a_youtube_link_in_the_chats_field_becomes_its_live_chat() -> None:
    assert embeddable_chat("https://youtu.be/dQw4w9WgXcQ", "rooms.example") == (
        "https://www.youtube.com/live_chat?v=dQw4w9WgXcQ&embed_domain=rooms.example"
    )
    assert embeddable_chat("https://chat.example/1", "rooms.example") == "https://chat.example/1"


@pytest.mark.parametrize(
    ("link", "site"),
    [
        ("https://www.youtube.com/@name/live", "youtube"),
        ("youtube.com/@name", "youtube"),
        ("https://m.youtube.com/channel/UC123/live", "youtube"),
        ("https://www.youtube.com/playlist?list=PL1", "youtube"),
        ("https://www.youtube.com/", "youtube"),
        ("https://studio.youtube.com/channel/UC123/livestreaming", "youtube"),
        ("https://live.vkvideo.ru/name", "vk_live"),
        ("https://vkvideo.ru/@name", "vk"),
        ("https://vk.com/club1", "vk"),
        ("https://rutube.ru/channel/1/", "rutube"),
        ("https://vimeo.com/user1", "vimeo"),
    ],
)
def test_a_page_that_stays_empty_in_a_frame_is_known(link: str, site: str) -> None:
    assert page_without_frame(link) == site


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://youtu.be/dQw4w9WgXcQ",
        "https://www.youtube.com/embed/live_stream?channel=UC123",
        "https://www.youtube.com/live_chat?v=1&embed_domain=rooms.example",
        "https://vkvideo.ru/video-1_2",
        "https://vkvideo.ru/video_ext.php?oid=-1&id=2",
        "https://live.vkvideo.ru/app/embed/name",
        "https://live.vkvideo.ru/name/only-chat",
        f"https://rutube.ru/video/{RUTUBE}/",
        f"https://rutube.ru/live/chat/{RUTUBE}/",
        "https://vimeo.com/event/1",
        "https://vimeo.com/showcase/1",
        "https://zoom.us/j/1",
        "https://player.example/1",
        "https://[broken",
        "просто слова",
    ],
)
def test_what_a_frame_can_show_or_nobody_knows_is_left_to_core(link: str) -> None:
    assert page_without_frame(link) is None
