internal import CheckpointBytes
internal import PickleFormat

/// Globals that have no place in a checkpoint because of what they do when they are called. The list only makes a scan's
/// report plainer: what is not on it is not safe, the reader refuses everything it does not know.
enum DangerousGlobals {
  /// Modules whose functions run programs or code, load code, open files or connections, with everything below them.
  private static let modules: Set<ExactName> = Set(
    ("os posix nt posixpath ntpath sys subprocess _posixsubprocess pty shutil socket ssl _ssl select runpy "
      + "importlib imp pkgutil zipimport ctypes _ctypes cffi code codeop bdb pdb cProfile profile "
      + "_lsprof trace timeit doctest pydoc webbrowser http httplib urllib urllib2 requests aiohttp httpx "
      + "ftplib smtplib poplib imaplib nntplib telnetlib xmlrpc socketserver asyncio multiprocessing "
      + "threading _thread signal concurrent pickle _pickle cPickle shelve dill cloudpickle joblib marshal "
      + "tempfile glob fileinput io _io linecache platform sysconfig distutils "
      + "setuptools pip ensurepip venv idlelib lib2to3 test ast inspect gc operator _operator functools "
      + "_functools logging antigravity commands popen2 resource mmap fcntl sqlite3 _sqlite3 dbm winreg "
      + "_winapi msvcrt _interpreters _xxsubinterpreters _aix_support _osx_support _pyrepl site "
      + "unittest pytest fickling").split(separator: " ").map { ExactName(String($0)) })

  /// Single functions of modules that hold harmless things too.
  private static let functions: [String: Set<String>] = {
    let builtins: Set<String> = [
      "eval", "exec", "execfile", "compile", "open", "file", "input", "raw_input", "__import__",
      "getattr", "setattr", "delattr", "globals", "locals", "vars", "apply", "map", "filter",
      "reduce", "breakpoint", "exit", "quit", "help", "type", "memoryview", "reload", "super",
    ]
    return [
      "builtins": builtins, "__builtin__": builtins,
      "types": ["CodeType", "FunctionType", "ModuleType", "LambdaType"],
      "numpy": ["load", "save", "fromfile", "memmap", "DataSource", "genfromtxt", "loadtxt"],
      "torch": ["load", "save", "compile"],
      "torch.storage": ["_load_from_bytes"],
      "uuid": ["_get_command_stdout", "_popen"],
      "pathlib": ["os"],
    ]
  }()

  /// Parts of packages that load or run code.
  private static let packages = [
    "numpy.testing", "numpy.f2py", "numpy.distutils", "torch.hub", "torch.jit", "torch.utils",
    "torch._dynamo", "torch._inductor", "torch.fx", "torch.distributed", "torch.package",
    "torch.multiprocessing", "torch.serialization",
  ]

  /// Parts of such modules that run nothing.
  private static let exceptions: Set<GlobalName> = [
    GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
  ]

  /// True if a global is on the list.
  static func contains(_ global: GlobalName) -> Bool {
    if exceptions.contains(global) { return false }
    let module = global.module.string
    let top = module.utf8.prefix { $0 != UInt8(ascii: ".") }
    if modules.contains(ExactName(String(decoding: top, as: UTF8.self))) { return true }
    let name = global.name.string.utf8.prefix { $0 != UInt8(ascii: ".") }
    if functions[module]?.contains(String(decoding: name, as: UTF8.self)) == true { return true }
    return packages.contains { module == $0 || module.utf8.starts(with: ($0 + ".").utf8) }
  }
}
