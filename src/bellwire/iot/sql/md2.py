"""MD2, which no library of the standard one has.

https://www.rfc-editor.org/rfc/rfc1319
"""

from __future__ import annotations


_BLOCK = 16
_ROUNDS = 18
# A permutation of the bytes, made of the digits of pi.
_S = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca"
    "1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49a0fbf58ebb2fee7a"
    "a968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703"
    "ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1"
    "459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f"
    "5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52"
    "6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39"
    "f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314"
)


def md2(data: bytes) -> str:
    """Return the digest in lower-case hexadecimal digits."""
    missing = _BLOCK - len(data) % _BLOCK
    padded = data + bytes([missing]) * missing
    padded += _checksum(padded)
    state = bytearray(3 * _BLOCK)
    for start in range(0, len(padded), _BLOCK):
        _mix(state, padded[start : start + _BLOCK])
    return state[:_BLOCK].hex()


def _checksum(padded: bytes) -> bytes:
    checksum = bytearray(_BLOCK)
    last = 0
    for index, byte in enumerate(padded):
        checksum[index % _BLOCK] ^= _S[byte ^ last]
        last = checksum[index % _BLOCK]
    return bytes(checksum)


def _mix(state: bytearray, block: bytes) -> None:
    for index, byte in enumerate(block):
        state[_BLOCK + index] = byte
        state[2 * _BLOCK + index] = byte ^ state[index]
    mixed = list(state)
    last = 0
    for turn in range(_ROUNDS):
        for index, byte in enumerate(mixed):
            mixed[index] = last = byte ^ _S[last]
        last = (last + turn) % 256
    state[:] = bytes(mixed)
