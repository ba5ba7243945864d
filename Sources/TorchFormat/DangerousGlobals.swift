internal import CheckpointBytes
internal import PickleFormat

/// Globals that have no place in a checkpoint because of what they do when they are called. The list only makes a scan's
/// report plainer: what is not on it is not safe, the reader refuses everything it does not know.
enum DangerousGlobals {
  /// What names have in common.
  private struct Group {
    /// What they do, in words that follow the name.
    let reason: String
    let names: Set<String>

    init(_ reason: String, _ names: String) {
      self.reason = reason
      self.names = Set(names.split { $0 == " " || $0 == "\n" }.map { String($0) })
    }
  }

  /// Modules with everything below them.
  private static let modules: [ExactName: String] = {
    let groups = [
      Group(
        "runs programs or reaches the operating system",
        """
        os posix nt posixpath ntpath sys subprocess _posixsubprocess pty commands popen2 platform sysconfig distutils
        setuptools pip ensurepip venv webbrowser antigravity multiprocessing concurrent threading _thread signal resource
        mmap fcntl winreg _winapi msvcrt _interpreters _xxsubinterpreters interpreters _interpchannels _aix_support
        _osx_support _pyrepl site unittest pytest test pexpect sh fabric invoke psutil crypt syslog termios tty
        """),
      Group(
        "runs code, or finds or loads it by a name",
        """
        runpy importlib imp pkgutil zipimport ctypes _ctypes cffi code codeop bdb pdb cProfile profile _lsprof trace timeit
        doctest pydoc idlelib lib2to3 ast inspect gc operator _operator functools _functools dis symtable modulefinder
        IPython numba sympy tkinter turtle turtledemo
        """),
      Group(
        "opens network connections",
        """
        socket _socket ssl _ssl select selectors http httplib urllib urllib2 urllib3 requests aiohttp httpx ftplib smtplib
        poplib imaplib nntplib telnetlib xmlrpc socketserver asyncore asynchat wsgiref asyncio websockets paramiko cgi
        """),
      Group(
        "reads or writes files",
        """
        shutil tempfile glob fileinput io _io linecache logging sqlite3 _sqlite3 dbm shelve zipfile tarfile gzip bz2 lzma
        mailbox netrc pathlib2 fsspec
        """),
      Group(
        "loads pickles or code that a pickle brings",
        "pickle _pickle cPickle dill cloudpickle joblib marshal fickling jsonpickle"),
    ]
    return Dictionary(
      groups.flatMap { group in group.names.map { (ExactName($0), group.reason) } },
      uniquingKeysWith: { first, _ in first })
  }()

  /// Single functions of modules that hold harmless things too.
  private static let functions: [String: [Group]] = {
    let builtins = [
      Group(
        "runs code",
        "eval exec execfile compile __import__ reload breakpoint help __build_class__ license"),
      Group("reads or writes files", "open file input raw_input"),
      Group(
        "reaches the inside of other objects, and so anything",
        "getattr setattr delattr globals locals vars type super memoryview __loader__ __spec__ __dict__"
      ),
      Group("calls what it is given", "apply map filter reduce"),
      Group("ends the process", "exit quit"),
    ]
    return [
      "builtins": builtins, "__builtin__": builtins,
      "types": [Group("makes code", "CodeType FunctionType ModuleType LambdaType MethodType")],
      "numpy": [
        Group(
          "reads or writes files",
          "load save fromfile memmap DataSource genfromtxt loadtxt savetxt savez fromregex"),
        Group(
          "calls what it is given",
          "vectorize apply_along_axis apply_over_axes fromfunction frompyfunc"),
      ],
      "numpy.core.memmap": [Group("reads or writes files", "memmap")],
      "numpy._core.memmap": [Group("reads or writes files", "memmap")],
      "torch": [
        Group("loads pickles or writes files", "load save"), Group("runs code", "compile"),
      ],
      "torch.storage": [Group("loads a pickle", "_load_from_bytes")],
      "uuid": [Group("runs programs", "_get_command_stdout _popen _ifconfig_getter")],
      "pathlib": [Group("is the module os", "os")],
      "codecs": [Group("reads or writes files", "open EncodedFile")],
      "pandas": [
        Group(
          "loads a pickle, reads files or runs code",
          "read_pickle eval read_csv read_table read_sql")
      ],
      "yaml": [Group("makes any object", "load unsafe_load full_load load_all unsafe_load_all")],
      "itertools": [Group("calls what it is given", "starmap")],
    ]
  }()

  /// Parts of packages.
  private static let packages: [(name: String, reason: String)] = [
    ("numpy.testing", "runs code"), ("numpy.f2py", "runs code or programs"),
    ("numpy.distutils", "runs programs"), ("numpy.lib.npyio", "reads or writes files, pickles too"),
    ("torch.hub", "loads code from the network"), ("torch.jit", "loads or compiles code"),
    ("torch.utils", "loads or compiles code, or runs programs"), ("torch._dynamo", "runs code"),
    ("torch._inductor", "compiles code, runs programs"), ("torch.fx", "runs code"),
    ("torch.distributed", "opens network connections"), ("torch.package", "loads code"),
    ("torch.multiprocessing", "runs programs"), ("torch.serialization", "loads pickles"),
    ("pandas.io", "reads or writes files, pickles too"), ("pandas.core.computation", "runs code"),
    ("tensorflow.python.platform", "reads or writes files"),
    ("tensorflow.io", "reads or writes files"),
    ("keras.utils", "reads files, from the network too"),
    ("keras.saving", "loads models and their code"),
    ("keras.src.utils", "reads files, from the network too"),
    ("keras.src.saving", "loads models and their code"),
    ("keras.models", "loads models and their code"),
  ]

  /// Parts of such modules that run nothing: what describes an array of joblib, whose bytes or pickle stand behind it and are looked
  /// at as well.
  private static let harmless: Set<GlobalName> = [
    GlobalName("joblib.numpy_pickle", "NumpyArrayWrapper")
  ]
  /// Those of which no more is said than of any class: bytes in memory, as Transformer Engine's `_extra_state` has them, open no file.
  private static let plain: Set<GlobalName> = [
    GlobalName("torch.utils.hooks", "RemovableHandle"), GlobalName("_io", "BytesIO"),
    GlobalName("_io", "StringIO"), GlobalName("io", "BytesIO"), GlobalName("io", "StringIO"),
  ]

  /// True for a part of a dangerous module that runs nothing.
  static func isHarmless(_ global: GlobalName) -> Bool { harmless.contains(global) }

  /// What a global does that has no place in a checkpoint; nil if it is not on the list.
  static func reason(of global: GlobalName) -> String? {
    if isHarmless(global) || plain.contains(global) { return nil }
    let module = global.module.string
    let top = module.utf8.prefix { $0 != UInt8(ascii: ".") }
    if let reason = modules[ExactName(String(decoding: top, as: UTF8.self))] { return reason }
    let name = String(
      decoding: global.name.string.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
    if let group = functions[module]?.first(where: { $0.names.contains(name) }) {
      return group.reason
    }
    // `module.name.name`: a module that another one has imported is among its attributes.
    for part in global.name.string.utf8.split(separator: UInt8(ascii: ".")).dropLast() {
      if let reason = modules[ExactName(String(decoding: part, as: UTF8.self))] { return reason }
    }
    return packages.first { module == $0.name || module.utf8.starts(with: ($0.name + ".").utf8) }?
      .reason
  }
}
