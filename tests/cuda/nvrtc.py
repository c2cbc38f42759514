"""Compiles a CUDA C file by NVRTC for architectures: nvrtc.py FILE ARCHITECTURE.. -- OPTION..

Takes the library of the PyPI package nvidia-cuda-nvrtc-cu12, which needs no card. Ends with 3 where it is not installed.
"""

import ctypes
import glob
import os
import sys


def library():
    try:
        import nvidia.cuda_nvrtc as package
    except ImportError:
        sys.exit(3)
    found = glob.glob(os.path.join(list(package.__path__)[0], "lib", "libnvrtc.so*"))
    found = [path for path in found if "builtins" not in path]
    return ctypes.CDLL(found[0]) if found else sys.exit(3)


def compiled(nvrtc, text, options):
    """The length of the PTX, or what the compiler says."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, b"kernels.cu", 0, None, None)
    given = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    code, size = nvrtc.nvrtcCompileProgram(program, len(options), given), ctypes.c_size_t()
    if code:
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        return code, log.value.decode()
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    return code, ptx.raw.decode(errors="replace")


def main():
    at = sys.argv.index("--")
    file, architectures, options = sys.argv[1], sys.argv[2:at], sys.argv[at + 1 :]
    nvrtc = library()
    with open(file, "rb") as source:
        text = source.read()
    for architecture in architectures:
        code, said = compiled(nvrtc, text, [f"--gpu-architecture={architecture}", *options])
        if code:
            sys.exit(f"{architecture}: {said}")
        print(architecture, said.count(".entry"), "kernels", said.count("fma.rn"), "fused", len(said), "bytes of PTX")


main()
