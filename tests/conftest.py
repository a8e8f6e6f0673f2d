"""What holds for all tests."""

import pytest

pytest.register_assert_rewrite("support")  # shared test bodies show what differed, as tests do
