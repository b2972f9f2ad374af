"""Operations on texts: TensorFlow's `tf.strings`."""

from graphflow.ops.checks import string_format as format
from graphflow.ops.strings import reduce_join, regex_full_match, regex_replace, substr
from graphflow.ops.strings import string_join as join
from graphflow.ops.strings import string_length as length
from graphflow.ops.strings import string_lower as lower
from graphflow.ops.strings import string_strip as strip
from graphflow.ops.strings import string_to_hash_bucket as to_hash_bucket
from graphflow.ops.strings import string_to_hash_bucket_fast as to_hash_bucket_fast
from graphflow.ops.strings import string_to_hash_bucket_strong as to_hash_bucket_strong
from graphflow.ops.strings import string_upper as upper
from graphflow.ops.strings import strings_split as split
from graphflow.ops.text_conversions import as_string
from graphflow.ops.text_conversions import string_to_number as to_number
from graphflow.ops.text_segments import unsorted_segment_join
from graphflow.ops.unicode import unicode_encode, unicode_script, unicode_transcode

__all__ = [name for name in dir() if not name.startswith("_")]
