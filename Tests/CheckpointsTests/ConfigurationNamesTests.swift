import CheckpointBytes
import Checkpoints
import TestSupport
import Testing

/// Configurations that name what their loader imports, and those of well-known models, which name nothing.
@Suite("A scan of configurations that name what is imported")
struct ConfigurationNamesTests {
  static let texts: [(name: String, text: String, verdict: CheckpointScan.Verdict)] = [
    // MLflow 3.17 imports loader_module, puts `code` in front of the path, and runs model_code_path.
    ("MLmodel", "flavors:\n  python_function:\n    loader_module: my_loader\n", .unknown),
    ("MLmodel", "flavors: {python_function: {\"loader_\\x6dodule\": my_loader}}\n", .unknown),
    ("MLmodel", "flavors:\n  python_function:\n    loader_module: &a\n      my_loader\n", .unknown),
    ("MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n", .unknown),
    (
      "MLmodel",
      "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: python_model.pkl\n",
      .unknown
    ),
    (
      "MLmodel",
      "flavors:\n  python_function:\n    loader_module: mlflow.onnx\n    model_code_path: agent.py\n",
      .unknown
    ),
    (
      "MLmodel", "flavors:\n  python_function:\n    code: code\n    loader_module: mlflow.onnx\n",
      .unknown
    ),
    ("MLmodel", #"{"flavors": {"python_function": {"loader_module": "my_loader"}}}"#, .unknown),
    (
      "MLmodel", #"{"flavors": {"onnx": {"code": "code"}, "python_function": {}}}"#, .unknown
    ),
    (
      "MLmodel",
      """
      artifact_path: model
      flavors:
        onnx:
          code: null
          data: model.onnx
          onnx_version: 1.16.0
        python_function:
          data: model.onnx
          env: {conda: conda.yaml, virtualenv: python_env.yaml}
          loader_module: mlflow.onnx
          python_version: 3.10.12
      mlflow_version: 2.14.1
      model_uuid: 0123

      """, .safe
    ),
    ("pickle_module_info.txt", "my_pickle", .unknown),
    ("pickle_module_info.txt", "mlflow.pytorch.pickle_module", .safe),
    ("keras_module.txt", "my_keras", .unknown),
    ("keras_module.txt", "tensorflow.keras", .safe),
    ("MLproject", "name: x\nentry_points: {main: {command: \"rm -r x\"}}\n", .unknown),
    // Diffusers 0.42 imports libraries that are none of its pipelines, or runs files of their names.
    (
      "model_index.json",
      #"{"_class_name": "StableDiffusionPipeline", "unet": ["my_unet", "MyUNet"]}"#, .unknown
    ),
    ("model_index.json", #"{"_class_name": "A", "unet": ["os", "system"]}"#, .dangerous),
    ("model_index.json", #"{"_class_name": ["pipeline", "MyPipeline"]}"#, .unknown),
    (
      "model_index.json",
      """
      {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.6.0",
       "feature_extractor": ["transformers", "CLIPImageProcessor"],
       "image_encoder": [null, null], "requires_safety_checker": true,
       "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
       "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
       "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
       "vae": ["diffusers", "AutoencoderKL"]}
      """, .safe
    ),
    (
      "config.json",
      """
      {"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
       "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "sample_size": 64}
      """, .safe
    ),
    // Transformers.
    (
      "tokenizer_config.json",
      #"{"auto_map": {"AutoTokenizer": ["tokenization.MyTokenizer", null]}}"#, .unknown
    ),
    ("config.json", #"{"auto_map": {"AutoModel": "other/repo--modeling.MyModel"}}"#, .unknown),
    ("config.json", #"{"model_type": "bert", "trust_remote_code": true}"#, .unknown),
    ("config.json", #"{"model_type": "bert", "trust_remote_code": false}"#, .safe),
    // True to Python, which asks no more of it.
    ("config.json", #"{"trust_remote_code": 1}"#, .unknown),
    ("config.json", #"{"trust_remote_code": 1.0}"#, .unknown),
    ("config.json", #"{"trust_remote_code": [true]}"#, .unknown),
    ("config.json", #"{"trust_remote_code": {"a": 1}}"#, .unknown),
    ("config.json", #"{"trust_remote_code": "t"}"#, .unknown),
    ("config.json", #"{"trust_remote_code": "Yes "}"#, .unknown),
    ("config.yaml", "trust_remote_code: 1.0\n", .unknown),
    ("config.yaml", "trust_remote_code: [1]\n", .unknown),
    ("config.yaml", "trust_remote_code: Y\n", .unknown),
    ("config.json", #"{"trust_remote_code": 0}"#, .safe),
    ("config.json", #"{"trust_remote_code": -0.0}"#, .safe),
    ("config.json", #"{"trust_remote_code": []}"#, .safe),
    ("config.json", #"{"trust_remote_code": {}}"#, .safe),
    ("config.json", #"{"trust_remote_code": "False "}"#, .safe),
    ("config.json", #"{"trust_remote_code": null}"#, .safe),
    ("config.yaml", "trust_remote_code: False\n", .safe),
    ("config.yaml", "trust_remote_code: 0.0\n", .safe),
    ("config.json", #"{"attn_implementation": "somebody/kernel@v1:flash"}"#, .unknown),
    ("config.json", #"{"attn_implementation": {"text": "somebody/kernel"}}"#, .unknown),
    ("config.json", #"{"attn_implementation": "flash_attention_2"}"#, .safe),
    // CVE-2026-4372, Transformers 4.56 to 5.2.
    ("config.json", #"{"_attn_implementation_internal": "somebody/kernel"}"#, .unknown),
    ("config.json", #"{"_attn_implementation_internal": "sdpa"}"#, .safe),
    (
      "config.json",
      """
      {"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2",
       "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
       "tokenizer_class": "GPT2Tokenizer", "vocab_size": 50257}
      """, .safe
    ),
    (
      "vocab.json", #"{"code": 1, "target": 2, "params": 3, "type": 4, "path": 5, "types": 6}"#,
      .safe
    ),
    // sentence-transformers imports these; `idx` is read by nobody.
    ("modules.json", #"[{"name": "0", "path": "", "type": "my_module.Transformer"}]"#, .unknown),
    (
      "modules.json",
      #"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#,
      .safe
    ),
    ("config.json", #"{"activation_function": "os.abort", "in_features": 3}"#, .dangerous),
    (
      "config.json", #"{"activation_function": "torch.nn.modules.activation.Tanh", "bias": true}"#,
      .safe
    ),
    ("config.json", #"{"sentence_transformers": {"activation_fn": "my_module.f"}}"#, .unknown),
    (
      "router_config.json",
      #"{"types": {"a": "my_module.Transformer"}, "structure": {"query": ["a"]}}"#, .unknown
    ),
    // PEFT.
    (
      "adapter_config.json",
      #"{"peft_type": "LORA", "megatron_config": {}, "megatron_core": "my_module"}"#, .unknown
    ),
    (
      "adapter_config.json",
      #"{"auto_mapping": null, "base_model_name_or_path": "a/b", "megatron_config": null, "megatron_core": "megatron.core", "peft_type": "LORA"}"#,
      .safe
    ),
    // instantiate_from_config of Stable Diffusion; LightningCLI; MMEngine.
    ("v1.yaml", "model:\n  target: my.Model\n  params:\n    a: 1\n", .unknown),
    ("v1.yaml", "model:\n  target: os.system\n  params: {command: x}\n", .dangerous),
    ("v1.json", #"{"target": "os.system", "params": {"command": "x"}}"#, .dangerous),
    ("a.yaml", "target: train\nparams: 3\n", .safe),
    ("a.yaml", "output: {target: accuracy.top1, params: [a]}\n", .safe),
    ("a.json", #"{"output": {"target": "accuracy.top1", "params": ["a"]}}"#, .safe),
    // NeMo imports it without params, too.
    ("nemo.yaml", "target: os.system\nfoo: 1\n", .dangerous),
    ("model_config.yaml", "preprocessor:\n  target: my.Model\n", .unknown),
    ("a.yaml", "output:\n  target: accuracy.top1\n", .safe),
    ("a.yaml", "target_size: 3\nmax_target: 2\nparams: 1\n", .safe),
    ("a.yaml", "model:\n  class_path: my.Model\n  init_args: {}\n", .unknown),
    ("a.json", #"{"class_path": "my.Model", "init_args": {}}"#, .unknown),
    ("a.json", #"{"custom_imports": {"imports": ["my_module"]}}"#, .unknown),
    ("a.yaml", "custom_imports:\n  imports: [my_module]\n", .unknown),
    ("a.yaml", "custom_imports: {imports: [my_module], allow_failed_imports: false}\n", .unknown),
    ("a.yaml", "custom_imports: null\n", .safe),
    ("README.md", "```yaml\ncustom_imports:\n  imports: [my_module]\n```\n", .safe),
    (
      "README.md", "```yaml\ntrust_remote_code: true\n```\nThe target: a loss below 1.\n", .safe
    ),
    // Ultralytics evaluates it. A megabyte takes no longer than others.
    ("y.yaml", "backbone: 1\n" + String(repeating: "activation: ", count: 90_000), .dangerous),
    (
      "y.yaml", "backbone: 1\n" + String(repeating: "# activation: nn.ReLU()\n", count: 500),
      .dangerous
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: __import__('os').system('x')\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: nn.SiLU() or f(1)\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: nn.SiLU()\n  or f(1)\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml", "nc: 2\nactivation: |\n  f(1)\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: # what\n  f(1)\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml", "nc: 2\nactivation: *a\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: \"nn.SiLU()\n  or f(1)\"\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: nn.SiLU(f(1))\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .dangerous
    ),
    (
      "y.yaml", "nc: 2\nactivation: nn.SiLU()\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .safe
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: torch.nn.LeakyReLU(0.1, inplace=True) # as in 3.0\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .safe
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: 'nn.ReLU()'\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n", .safe
    ),
    (
      "y.yaml", "nc: 2\nactivation: relu\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .safe
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: \n  type: relu\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n",
      .safe
    ),
    (
      "y.yaml",
      "nc: 2\nactivation: [relu, none]\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\nhead: []\n", .safe
    ),
    ("y.yaml", "activation: f(1)\n", .safe),
    // Spark's DefaultParamsReader imports it.
    (
      "part-00000",
      #"{"class": "os.system", "timestamp": 1, "sparkVersion": "3.5.0", "uid": "x_1", "paramMap": {}}"#,
      .dangerous
    ),
    (
      "part-00000",
      #"{"class": "my.Model", "timestamp": 1, "sparkVersion": "3.5.0", "uid": "x_1", "paramMap": {}}"#,
      .unknown
    ),
    (
      "part-00000",
      #"{"class": "org.apache.spark.ml.PipelineModel", "timestamp": 1, "sparkVersion": "3.5.0", "uid": "x_1"}"#,
      .safe
    ),
    ("a.json", #"{"class": "os.system", "uid": "x_1"}"#, .safe),
    // Graphs as text, and settings of the same syntax.
    (
      "saved_model.pbtxt", "saved_model_schema_version: 1\nmeta_graphs { graph_def { } }\n",
      .unknown
    ),
    ("graph.pbtxt", "node { name: \"w\" op: \"PyFunc\" }\n", .unknown),
    ("m.onnxtxt", "ir_version: 8\ngraph { node { op_type: \"Foo\" } }\n", .unknown),
    ("m.textproto", "ir_version: 8\ngraph { node { op_type: \"Foo\" } }\n", .unknown),
    ("m.onnxjson", #"{"irVersion": "8", "graph": {"node": [{"opType": "Foo"}]}}"#, .unknown),
    (
      "net.prototxt",
      "layer { name: \"x\" type: \"Python\" python_param { module: \"m\" layer: \"L\" } }\n",
      .unknown
    ),
    ("net.prototxt", "layer { name: \"conv1\" type: \"Convolution\" bottom: \"data\" }\n", .safe),
    ("config.pbtxt", "name: \"m\"\nplatform: \"onnxruntime_onnx\"\nmax_batch_size: 8\n", .safe),
    ("label_map.pbtxt", "item {\n  id: 1\n  name: 'cat'\n}\n", .safe),
    (
      "conda.yaml",
      "channels: [conda-forge]\ndependencies:\n- python=3.10\n- pip: [torch==2.3]\nname: env\n",
      .safe
    ),
  ]

  @Test("finds what its loader takes it for, and nothing else", arguments: texts.indices)
  func verdict(_ index: Int) throws {
    let (name, text, verdict) = ConfigurationNamesTests.texts[index]
    let directory = try TemporaryDirectory()
    let scan = try CheckpointScan(try directory.write(Array(text.utf8), as: name))
    #expect(scan.verdict == verdict, "\(name) \(text) \(scan.findings) \(scan.problems)")
    #expect(scan.problems.isEmpty && scan.findings.allSatisfy { !$0.reason.isEmpty })
    #expect(scan.findings.isEmpty == (verdict == .safe))
  }
}
