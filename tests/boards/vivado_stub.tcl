# Commands of Vivado that the scripts use, as far as they can be checked without it. A name that was
# not made, a pin or an interface that a cell has not, or one that is connected twice is an error.
namespace eval ipx {}
set cells [dict create]
set joined [dict create]
set driven [dict create]
array set pins {
  processing_system7 {FCLK_CLK0 FCLK_RESET0_N M_AXI_GP0_ACLK S_AXI_HP0_ACLK}
  zynq_ultra_ps_e {pl_clk0 pl_resetn0 maxihpm0_fpd_aclk saxihp0_fpd_aclk}
  axi_dma {s_axi_lite_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn}
  smartconnect {aclk aresetn}
  proc_sys_reset {slowest_sync_clk ext_reset_in peripheral_aresetn peripheral_reset}
  axis_dwidth_converter {aclk aresetn}
}
array set interfaces {
  processing_system7 {M_AXI_GP0 S_AXI_HP0}
  zynq_ultra_ps_e {M_AXI_HPM0_FPD S_AXI_HP0_FPD}
  axi_dma {S_AXI_LITE M_AXI_MM2S M_AXI_S2MM M_AXIS_MM2S S_AXIS_S2MM}
  smartconnect {S00_AXI S01_AXI M00_AXI M01_AXI}
  proc_sys_reset {}
  axis_dwidth_converter {S_AXIS M_AXIS}
  spikewright_axi {s_axis m_axis s_axil}
}
set inferred {}
set parts {}
set packaged 0
set streams {}

proc need {condition text} { if {![uplevel 1 [list expr $condition]]} { error $text } }
proc exists {path} { need {[file exists $path]} "no file $path"; return $path }

proc create_project {args} { lappend ::parts [lindex $args [expr {[lsearch $args -part] + 1}]] }
proc close_project {} {}
proc current_project {} { return project }
proc get_filesets {name} { need {$name in {sources_1 constrs_1}} "no fileset $name"; return $name }
proc get_files {args} {
  set name [lindex $args end]
  if {$name eq "system.bd"} { return $name }
  return [exists $name]
}
proc add_files {args} {
  if {[lindex $args end] ne "wrapper.v"} { exists [lindex $args end] }
  get_filesets [lindex $args [expr {[lsearch $args -fileset] + 1}]]
}
proc set_property {args} {
  need {[llength $args] in {3 4}} "set_property has [llength $args] words"
  if {[lindex $args 0] eq "-dict"} {
    need {[llength [lindex $args 1]] % 2 == 0} "odd dictionary [lindex $args 1]"
    foreach {key value} [lindex $args 1] {
      if {[string match *TDATA_NUM_BYTES $key]} { lappend ::streams $key $value }
    }
  }
  if {[lindex $args 0] eq "ip_repo_paths"} { exists [lindex $args 1] }
  if {[lindex $args 0] eq "top"} { puts "top [lindex $args 1]" }
}
proc update_compile_order {args} {}
proc update_ip_catalog {} {}

proc ipx::package_project {args} { exists [lindex $args [expr {[lsearch $args -root_dir] + 1}]] }
proc ipx::current_core {} { return core }
proc ipx::infer_bus_interface {ports kind core} {
  foreach port $ports { need {$port in $::ports} "core has no port $port" }
  foreach port $ports { need {$port ni $::inferred} "port $port is inferred twice" }
  lappend ::inferred {*}$ports
}
proc ipx::get_bus_interfaces {name args} { return $name }
proc ipx::add_bus_parameter {name interface} { return $name }
proc ipx::associate_bus_interfaces {args} {}
set maps {}
set blocks {}
proc ipx::get_memory_maps {name args} { return $::maps }
proc ipx::add_memory_map {name core} { lappend ::maps $name }
proc ipx::get_address_blocks {name args} { return $::blocks }
proc ipx::add_address_block {name map} { need {$map ne ""} "no memory map"; lappend ::blocks $name }
proc ipx::create_xgui_files {core} {}
proc ipx::update_checksums {core} {}
proc ipx::check_integrity {core} {
  foreach port $::ports { need {$port in $::inferred} "port $port is in no interface" }
}
proc ipx::save_core {core} { set ::packaged 1 }

proc create_bd_design {name} {}
proc create_bd_cell {args} {
  set name [lindex $args end]
  set kind [lindex [split [lindex $args [expr {[lsearch $args -vlnv] + 1}]] :] 2]
  need {![dict exists $::cells $name]} "cell $name is made twice"
  need {[info exists ::interfaces($kind)]} "no IP $kind"
  if {$kind eq "spikewright_axi"} { need {$::packaged} "the core is not packaged" }
  dict set ::cells $name $kind
}
proc get_bd_cells {name} { need {[dict exists $::cells $name]} "no cell $name"; return $name }
proc apply_bd_automation {args} {}
proc split_pin {path} {
  lassign [split $path /] cell pin
  return [list [dict get $::cells [get_bd_cells $cell]] $pin]
}
proc get_bd_pins {path} {
  lassign [split_pin $path] kind pin
  set known [expr {$kind eq "spikewright_axi" ? $::ports : $::pins($kind)}]
  need {$pin in $known} "cell of $kind has no pin $pin"
  return $path
}
proc get_bd_intf_pins {path} {
  lassign [split_pin $path] kind pin
  need {$pin in $::interfaces($kind)} "cell of $kind has no interface $pin"
  return $path
}
proc connect_bd_net {source args} {
  need {[llength $args] > 0} "net of $source goes nowhere"
  foreach pin $args {
    need {![dict exists $::driven $pin]} "pin $pin is driven twice"
    dict set ::driven $pin $source
  }
}
proc connect_bd_intf_net {one other} {
  foreach pin [list $one $other] {
    need {![dict exists $::joined $pin]} "interface $pin is joined twice"
    dict set ::joined $pin 1
  }
}
proc assign_bd_address {} {}
proc validate_bd_design {} {
  dict for {cell kind} $::cells {
    if {$kind eq "spikewright_axi"} { set inputs {clk rst} } else {
      set inputs [lsearch -all -inline -regexp $::pins($kind) \
        {(?i)(_aclk|^aclk|aresetn$|axi_resetn|slowest_sync_clk|ext_reset_in)}]
      set inputs [lsearch -all -inline -not -regexp $inputs {^peripheral_}]
    }
    foreach pin $inputs { need {[dict exists $::driven $cell/$pin]} "pin $cell/$pin hangs" }
    foreach pin $::interfaces($kind) {
      if {$kind eq "smartconnect" && ![string match *00_AXI $pin]} continue
      need {[dict exists $::joined $cell/$pin]} "interface $cell/$pin hangs"
    }
  }
}
proc save_bd_design {} {}
proc generate_target {args} {}
proc make_wrapper {args} { return wrapper.v }

proc launch_runs {args} {}
proc wait_on_run {run} {}
proc get_runs {name} { return $name }
proc get_property {name object} {
  return [dict get [list PROGRESS $::progress SLACK $::slack DIRECTORY $::made] $name]
}
proc open_run {name} {}
proc report_utilization {args} {}
proc report_timing_summary {args} {}
proc get_timing_paths {args} { return path }
