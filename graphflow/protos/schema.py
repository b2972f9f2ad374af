"""The fields of TensorFlow's messages, with their numbers.

A line is ``number type name`` inside ``message NAME``; ``*`` before a type repeats it, ``<K,V>`` is
a map, ``|`` before the number puts the field into the message's oneof. Numbers and types are those
of TensorFlow 1.15's ``.proto`` files (tensorflow/core/framework, example, protobuf, util).
"""

ENUMS = {
    "DataType": {
        "DT_INVALID": 0, "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5,
        "DT_INT8": 6, "DT_STRING": 7, "DT_COMPLEX64": 8, "DT_INT64": 9, "DT_BOOL": 10,
        "DT_QINT8": 11, "DT_QUINT8": 12, "DT_QINT32": 13, "DT_BFLOAT16": 14, "DT_QINT16": 15,
        "DT_QUINT16": 16, "DT_UINT16": 17, "DT_COMPLEX128": 18, "DT_HALF": 19, "DT_RESOURCE": 20,
        "DT_VARIANT": 21, "DT_UINT32": 22, "DT_UINT64": 23,
    },
    "SaverDef.CheckpointFormatVersion": {"LEGACY": 0, "V1": 1, "V2": 2},
    "Endianness": {"LITTLE": 0, "BIG": 1},
    "SessionStatus": {"STATUS_UNSPECIFIED": 0, "START": 1, "STOP": 2, "CHECKPOINT": 3},
}  # fmt: skip
REFERENCE_OFFSET = 100  # a reference type's number is that of its value's type plus this
ENUMS["DataType"].update(
    {f"{k}_REF": v + REFERENCE_OFFSET for k, v in list(ENUMS["DataType"].items()) if v}
)

SCHEMA = """
message TensorShapeProto.Dim
  1 int64 size
  2 string name
message TensorShapeProto
  2 *TensorShapeProto.Dim dim
  3 bool unknown_rank
message TensorProto
  1 DataType dtype
  2 TensorShapeProto tensor_shape
  3 int32 version_number
  4 bytes tensor_content
  5 *float float_val
  6 *double double_val
  7 *int32 int_val
  8 *bytes string_val
  9 *float scomplex_val
  10 *int64 int64_val
  11 *bool bool_val
  12 *double dcomplex_val
  13 *int32 half_val
  16 *uint32 uint32_val
  17 *uint64 uint64_val
message NameAttrList
  1 string name
  2 <string,AttrValue> attr
message AttrValue.ListValue
  2 *bytes s
  3 *int64 i
  4 *float f
  5 *bool b
  6 *DataType type
  7 *TensorShapeProto shape
  8 *TensorProto tensor
  9 *NameAttrList func
message AttrValue
  |2 bytes s
  |3 int64 i
  |4 float f
  |5 bool b
  |6 DataType type
  |7 TensorShapeProto shape
  |8 TensorProto tensor
  |1 AttrValue.ListValue list
  |10 NameAttrList func
  |9 string placeholder
message NodeDef
  1 string name
  2 string op
  3 *string input
  4 string device
  5 <string,AttrValue> attr
message VersionDef
  1 int32 producer
  2 int32 min_consumer
  3 *int32 bad_consumers
message OpDef.ArgDef
  1 string name
  2 string description
  3 DataType type
  4 string type_attr
  5 string number_attr
  6 string type_list_attr
  16 bool is_ref
message OpDef.AttrDef
  1 string name
  2 string type
  3 AttrValue default_value
  4 string description
  5 bool has_minimum
  6 int64 minimum
  7 AttrValue allowed_values
message OpDef
  1 string name
  2 *OpDef.ArgDef input_arg
  3 *OpDef.ArgDef output_arg
  4 *OpDef.AttrDef attr
  5 string summary
  6 string description
  16 bool is_aggregate
  17 bool is_stateful
  18 bool is_commutative
  19 bool allows_uninitialized_input
message OpList
  1 *OpDef op
message FunctionDef
  1 OpDef signature
  5 <string,AttrValue> attr
  3 *NodeDef node_def
  4 <string,string> ret
  6 <string,string> control_ret
message GradientDef
  1 string function_name
  2 string gradient_func
message FunctionDefLibrary
  1 *FunctionDef function
  2 *GradientDef gradient
message GraphDef
  1 *NodeDef node
  4 VersionDef versions
  3 int32 version
  2 FunctionDefLibrary library
message SpriteMetadata
  1 string image_path
  2 *uint32 single_image_dim
message EmbeddingInfo
  1 string tensor_name
  2 string metadata_path
  3 string bookmarks_path
  4 *uint32 tensor_shape
  5 SpriteMetadata sprite
  6 string tensor_path
message ProjectorConfig
  1 string model_checkpoint_path
  2 *EmbeddingInfo embeddings
  3 string model_checkpoint_dir
message SaverDef
  1 string filename_tensor_name
  2 string save_tensor_name
  3 string restore_op_name
  4 int32 max_to_keep
  5 bool sharded
  6 float keep_checkpoint_every_n_hours
  7 SaverDef.CheckpointFormatVersion version
message CollectionDef.NodeList
  1 *string value
message CollectionDef.BytesList
  1 *bytes value
message CollectionDef.Int64List
  1 *int64 value
message CollectionDef.FloatList
  1 *float value
message CollectionDef.AnyList
  1 *Any value
message CollectionDef
  |1 CollectionDef.NodeList node_list
  |2 CollectionDef.BytesList bytes_list
  |3 CollectionDef.Int64List int64_list
  |4 CollectionDef.FloatList float_list
  |5 CollectionDef.AnyList any_list
message TensorInfo.CooSparse
  1 string values_tensor_name
  2 string indices_tensor_name
  3 string dense_shape_tensor_name
message TensorInfo
  |1 string name
  |4 TensorInfo.CooSparse coo_sparse
  2 DataType dtype
  3 TensorShapeProto tensor_shape
message SignatureDef
  1 <string,TensorInfo> inputs
  2 <string,TensorInfo> outputs
  3 string method_name
message AssetFileDef
  1 TensorInfo tensor_info
  2 string filename
message MetaGraphDef.MetaInfoDef
  1 string meta_graph_version
  2 OpList stripped_op_list
  3 Any any_info
  4 *string tags
  5 string tensorflow_version
  6 string tensorflow_git_version
  7 bool stripped_default_attrs
message MetaGraphDef
  1 MetaGraphDef.MetaInfoDef meta_info_def
  2 GraphDef graph_def
  3 SaverDef saver_def
  4 <string,CollectionDef> collection_def
  5 <string,SignatureDef> signature_def
  6 *AssetFileDef asset_file_def
  7 SavedObjectGraph object_graph_def
message SavedUserObject
  1 string identifier
  3 string metadata
message SavedObject
  1 *TrackableObjectGraph.TrackableObject.ObjectReference children
  4 SavedUserObject user_object
message SavedObjectGraph
  1 *SavedObject nodes
message SavedModel
  1 int64 saved_model_schema_version
  2 *MetaGraphDef meta_graphs
message SaveSliceInfoDef
  1 string full_name
  2 *int64 full_shape
  3 *int64 var_offset
  4 *int64 var_shape
message QueueRunnerDef
  1 string queue_name
  2 *string enqueue_op_name
  3 string close_op_name
  4 string cancel_op_name
  5 *int32 queue_closed_exception_types
message ReaderBaseState
  1 int64 work_started
  2 int64 work_finished
  3 int64 num_records_produced
  4 bytes current_work
message VariableDef
  1 string variable_name
  6 string initial_value_name
  2 string initializer_name
  3 string snapshot_name
  4 SaveSliceInfoDef save_slice_info_def
  5 bool is_resource
  7 bool trainable
  8 int32 synchronization
  9 int32 aggregation
message ClusterDef
  1 *JobDef job
message JobDef
  1 string name
  2 <int32,string> tasks
message ServerDef
  1 ClusterDef cluster
  2 string job_name
  3 int32 task_index
  5 string protocol
message CheckpointState
  1 string model_checkpoint_path
  2 *string all_model_checkpoint_paths
  3 *double all_model_checkpoint_timestamps
  4 double last_preserved_timestamp
message BundleHeaderProto
  1 int32 num_shards
  2 Endianness endianness
  3 VersionDef version
message TensorSliceProto.Extent
  1 int64 start
  |2 int64 length
message TensorSliceProto
  1 *TensorSliceProto.Extent extent
message BundleEntryProto
  1 DataType dtype
  2 TensorShapeProto shape
  3 int32 shard_id
  4 int64 offset
  5 int64 size
  6 fixed32 crc32c
  7 *TensorSliceProto slices
message TrackableObjectGraph.TrackableObject.ObjectReference
  1 int32 node_id
  2 string local_name
message TrackableObjectGraph.TrackableObject.SerializedTensor
  1 string name
  2 string full_name
  3 string checkpoint_key
  4 bool optional_restore
message TrackableObjectGraph.TrackableObject.SlotVariableReference
  1 int32 original_variable_node_id
  2 string slot_name
  3 int32 slot_variable_node_id
message TrackableObjectGraph.TrackableObject
  1 *TrackableObjectGraph.TrackableObject.ObjectReference children
  2 *TrackableObjectGraph.TrackableObject.SerializedTensor attributes
  3 *TrackableObjectGraph.TrackableObject.SlotVariableReference slot_variables
message TrackableObjectGraph
  1 *TrackableObjectGraph.TrackableObject nodes
message HistogramProto
  1 double min
  2 double max
  3 double num
  4 double sum
  5 double sum_squares
  6 *double bucket_limit
  7 *double bucket
message SummaryMetadata.PluginData
  1 string plugin_name
  2 bytes content
message SummaryMetadata
  1 SummaryMetadata.PluginData plugin_data
  2 string display_name
  3 string summary_description
message Summary.Image
  1 int32 height
  2 int32 width
  3 int32 colorspace
  4 bytes encoded_image_string
message Summary.Audio
  1 float sample_rate
  2 int64 num_channels
  3 int64 length_frames
  4 bytes encoded_audio_string
  5 string content_type
message Summary.Value
  7 string node_name
  1 string tag
  9 SummaryMetadata metadata
  |2 float simple_value
  |3 bytes obsolete_old_style_histogram
  |4 Summary.Image image
  |5 HistogramProto histo
  |6 Summary.Audio audio
  |8 TensorProto tensor
message Summary
  1 *Summary.Value value
message SessionLog
  1 SessionStatus status
  2 string checkpoint_path
  3 string msg
message AllocatorMemoryUsed
  1 string allocator_name
  2 int64 total_bytes
  3 int64 peak_bytes
  4 int64 live_bytes
  5 int64 allocator_bytes_in_use
message AllocationDescription
  1 int64 requested_bytes
  2 int64 allocated_bytes
  3 string allocator_name
message TensorDescription
  1 DataType dtype
  2 TensorShapeProto shape
  4 AllocationDescription allocation_description
message NodeOutput
  1 int32 slot
  3 TensorDescription tensor_description
message NodeExecStats
  1 string node_name
  2 int64 all_start_micros
  3 int64 op_start_rel_micros
  4 int64 op_end_rel_micros
  5 int64 all_end_rel_micros
  6 *AllocatorMemoryUsed memory
  7 *NodeOutput output
  8 string timeline_label
  9 int64 scheduled_micros
  10 uint32 thread_id
  13 int64 all_start_nanos
  14 int64 op_start_rel_nanos
  15 int64 op_end_rel_nanos
  16 int64 all_end_rel_nanos
message DeviceStepStats
  1 string device
  2 *NodeExecStats node_stats
message StepStats
  1 *DeviceStepStats dev_stats
message RunMetadata
  1 StepStats step_stats
message TaggedRunMetadata
  1 string tag
  2 bytes run_metadata
message LogMessage
  1 int32 level
  2 string message
message Event
  1 double wall_time
  2 int64 step
  |3 string file_version
  |4 bytes graph_def
  |5 Summary summary
  |6 LogMessage log_message
  |7 SessionLog session_log
  |8 TaggedRunMetadata tagged_run_metadata
  |9 bytes meta_graph_def
message BytesList
  1 *bytes value
message FloatList
  1 *float value
message Int64List
  1 *int64 value
message Feature
  |1 BytesList bytes_list
  |2 FloatList float_list
  |3 Int64List int64_list
message Features
  1 <string,Feature> feature
message Example
  1 Features features
message FeatureList
  1 *Feature feature
message FeatureLists
  1 <string,FeatureList> feature_list
message SequenceExample
  1 Features context
  2 FeatureLists feature_lists
"""
